-- application: Northwind, Microsoft's sample of a wholesaler in a SQLite port (github.com/jpwhite3/northwind-SQLite3, MIT); shortened to structure
-- schema
CREATE TABLE [Categories]([CategoryID] INTEGER PRIMARY KEY AUTOINCREMENT, [CategoryName] TEXT, [Picture] BLOB);
CREATE TABLE [Customers]([CustomerID] TEXT, [CompanyName] TEXT, [City] TEXT, PRIMARY KEY (`CustomerID`));
CREATE TABLE [Employees]([EmployeeID] INTEGER PRIMARY KEY AUTOINCREMENT, [LastName] TEXT, [BirthDate] DATE, [ReportsTo] INTEGER, FOREIGN KEY ([ReportsTo]) REFERENCES [Employees] ([EmployeeID]) ON DELETE NO ACTION);
CREATE TABLE [Regions]([RegionID] INTEGER NOT NULL PRIMARY KEY, [RegionDescription] TEXT NOT NULL);
CREATE TABLE [Territories]([TerritoryID] TEXT NOT NULL, [TerritoryDescription] TEXT NOT NULL, [RegionID] INTEGER NOT NULL, PRIMARY KEY ("TerritoryID"), FOREIGN KEY ([RegionID]) REFERENCES [Regions] ([RegionID]));
CREATE TABLE [EmployeeTerritories]([EmployeeID] INTEGER NOT NULL, [TerritoryID] TEXT NOT NULL, PRIMARY KEY ("EmployeeID","TerritoryID"),
  FOREIGN KEY ([EmployeeID]) REFERENCES [Employees] ([EmployeeID]), FOREIGN KEY ([TerritoryID]) REFERENCES [Territories] ([TerritoryID]));
CREATE TABLE [Products]([ProductID] INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, [ProductName] TEXT NOT NULL, [CategoryID] INTEGER, [UnitPrice] NUMERIC DEFAULT 0, [UnitsInStock] INTEGER DEFAULT 0, [ReorderLevel] INTEGER DEFAULT 0,
  [Discontinued] TEXT NOT NULL DEFAULT '0', CHECK ([UnitPrice]>=(0)), CHECK ([ReorderLevel]>=(0)), CHECK ([UnitsInStock]>=(0)), FOREIGN KEY ([CategoryID]) REFERENCES [Categories] ([CategoryID]));
CREATE TABLE [Orders]([OrderID] INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, [CustomerID] TEXT, [EmployeeID] INTEGER, [OrderDate] DATETIME, [Freight] NUMERIC DEFAULT 0,
  FOREIGN KEY ([CustomerID]) REFERENCES [Customers] ([CustomerID]), FOREIGN KEY ([EmployeeID]) REFERENCES [Employees] ([EmployeeID]));
CREATE TABLE [Order Details]([OrderID] INTEGER NOT NULL, [ProductID] INTEGER NOT NULL, [UnitPrice] NUMERIC NOT NULL DEFAULT 0, [Quantity] INTEGER NOT NULL DEFAULT 1, [Discount] REAL NOT NULL DEFAULT 0,
  PRIMARY KEY ("OrderID","ProductID"), CHECK ([Discount]>=(0) AND [Discount]<=(1)), CHECK ([Quantity]>(0)), FOREIGN KEY ([OrderID]) REFERENCES [Orders] ([OrderID]), FOREIGN KEY ([ProductID]) REFERENCES [Products] ([ProductID]));
CREATE VIEW [Order Subtotals] AS SELECT [Order Details].OrderID, Sum(([Order Details].UnitPrice*Quantity*(1-Discount)/100)*100) AS Subtotal FROM [Order Details] GROUP BY [Order Details].OrderID;
CREATE VIEW [Products Above Average Price] AS SELECT ProductName, UnitPrice FROM Products WHERE UnitPrice > (SELECT AVG(UnitPrice) FROM Products);
INSERT INTO Categories(CategoryName, Picture) VALUES ('Beverages', x'151C2F00'), ('Condiments', NULL);
INSERT INTO Customers VALUES ('ALFKI', 'Alfreds Futterkiste', 'Berlin'), ('ANATR', 'Ana Trujillo', 'México D.F.'), (NULL, 'walk-in', NULL);
INSERT INTO Employees(LastName, BirthDate, ReportsTo) VALUES ('Fuller', '1952-02-19', NULL), ('Davolio', '1948-12-08', 1);
INSERT INTO Regions VALUES (1, 'Eastern'), (2, 'Western');
INSERT INTO Territories VALUES ('01581', 'Westboro', 1), ('98052', 'Redmond', 2);
INSERT INTO Products(ProductName, CategoryID, UnitPrice, UnitsInStock, ReorderLevel) VALUES ('Chai', 1, 18, 390, 10), ('Chang', 1, 19, 170, 25), ('Aniseed Syrup', 2, 10, 130, 25);
-- transaction: an order, and the stock in the other house
1: INSERT INTO Orders(CustomerID, EmployeeID, OrderDate, Freight) VALUES ('ALFKI', 2, '1996-07-0{n}', 32.38)
1: INSERT INTO [Order Details] SELECT (SELECT max(OrderID) FROM Orders), ProductID, UnitPrice, {n}, 0.05 FROM Products
2: UPDATE Products SET UnitsInStock = UnitsInStock - {n} WHERE ProductID IN (1, 2, 3) RETURNING ProductID, UnitsInStock
-- transaction: reorder what runs short
2: INSERT INTO Orders(CustomerID, OrderDate) VALUES (NULL, '1996-08-0{n}')
2: UPDATE Products SET UnitsInStock = UnitsInStock + ReorderLevel, Discontinued = CASE WHEN UnitsInStock < 150 THEN '1' ELSE '0' END
1: SELECT OrderID, Subtotal FROM [Order Subtotals] ORDER BY OrderID
-- transaction: staff moves
1: INSERT INTO Employees(LastName, ReportsTo) VALUES ('Leverling {n}', 1)
1: INSERT OR REPLACE INTO EmployeeTerritories SELECT max(EmployeeID), '01581' FROM Employees
2: UPDATE Customers SET City = 'moved {n}' WHERE CustomerID IS NULL
2: INSERT INTO Customers(CompanyName) VALUES ('walk-in {n}')
-- transaction, fails: more than there is
2: UPDATE Products SET UnitsInStock = UnitsInStock - 100000 WHERE ProductID = 1
1: DELETE FROM [Order Details]
-- transaction: what stands out
1: SELECT ProductName, UnitPrice FROM [Products Above Average Price] ORDER BY 1
2: UPDATE Products SET UnitPrice = UnitPrice + 0.5 WHERE UnitPrice < (SELECT avg(UnitPrice) FROM Products)
